"""flowops.api"""
