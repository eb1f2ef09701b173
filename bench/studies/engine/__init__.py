"""What every study is made of: jobs, their results on disk, the process of one, and the schedule of all."""
