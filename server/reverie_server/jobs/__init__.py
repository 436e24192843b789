"""Jobs: many pictures from one request, which outlives connections and the process; see `jobs.Jobs`."""
