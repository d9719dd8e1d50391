"""The values that all rooms share: deals, activities, labels, jobs, invalidations. Imports nothing of ours."""
