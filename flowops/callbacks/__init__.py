"""flowops.callbacks"""
