"""What keys, files and certificates must withstand, with the programs themselves (reliability reference P1 to P5)."""
