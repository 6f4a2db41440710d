"""flowops.documents"""
