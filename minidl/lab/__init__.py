"""The lab: what the notebooks stand on. Import its modules one by one; the framework knows nothing of it."""
