"""flowops.ledger"""
