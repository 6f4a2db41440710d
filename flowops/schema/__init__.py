"""flowops.schema"""
