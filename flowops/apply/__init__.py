"""flowops.apply"""
