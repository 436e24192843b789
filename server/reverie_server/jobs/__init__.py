"""Jobs: many pictures from one request, which survives lost connections and restarts of the process."""
