"""Resilience: outage detection, failover, recovery, drills, orphans."""
