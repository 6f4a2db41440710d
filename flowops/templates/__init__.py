"""flowops.templates"""
