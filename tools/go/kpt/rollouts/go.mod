// Stands for a module of kpt's `alpha rollouts`, which is not built here.
module github.com/kptdev/kpt/rollouts
