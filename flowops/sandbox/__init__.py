"""flowops.sandbox"""
