// AllocationCounting
