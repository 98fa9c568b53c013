"""What several sensors share: cursors, deadlines, run requests, notifications."""
