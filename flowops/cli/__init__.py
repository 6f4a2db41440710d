"""flowops.cli"""
