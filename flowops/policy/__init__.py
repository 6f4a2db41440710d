"""flowops.policy"""
