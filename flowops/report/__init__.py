"""flowops.report"""
