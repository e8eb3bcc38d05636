"""The scikit-learn side of both estimators: checks, fit, predict, export."""
