"""flowops.plan"""
