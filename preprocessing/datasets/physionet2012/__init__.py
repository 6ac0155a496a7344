"""PhysioNet/Computing in Cardiology Challenge 2012: from its text files to rows and series."""
