"""What every chapter is made of: results read into frames, claims with verdicts, and one page."""
