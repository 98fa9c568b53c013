"""Assets and jobs of the resilience column: incidents, timeline, drill, failover, recovery."""
