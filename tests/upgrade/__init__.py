"""What a release leaves in its database: kept by `scripts/keep-release`, upgraded by test_upgrade."""
