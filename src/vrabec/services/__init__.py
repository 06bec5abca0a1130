"""WHAT MAY HAPPEN: permission, state, placement; one transaction; audit; queue a job."""
