// Package fleet runs harvests of activations and patching sweeps on many machines.
//
//	var machines = fleet.New(fleet.NATS("nats://queue:4222"), fleet.Credentials("lab.creds"))
//
//	store, err := activations.Harvest(ctx, model, contexts, activations.Config{
//		Folder: "resid12", Sites: hooked.ResidPost.At(12), On: machines})
//	grid, err := patching.Sweep{Kind: patching.HeadOutAllPos, Base: corrupted,
//		Source: patching.FromTokens(clean), Metric: hooked.LogitDiff(answers)}.
//		Run(model, patching.On(machines))
//
// and on each of the machines
//
//	gopherlens worker --nats nats://queue:4222 --credentials lab.creds
//
// What comes of it is bit for bit what one process comes to whose backend, processor and number of
// threads are the workers'. [Work] is a worker inside any program.
//
// # The queue
//
// The queue is NATS JetStream: anybody's cluster, or without [NATS] a server inside this process
// with one worker, its streams in a folder. There are three streams and two buckets of objects:
//
//	GOPHERLENS_TASKS      gopherlens.task.BACKEND.JOB.KEY    a work queue of what is to be computed
//	GOPHERLENS_RESULTS    gopherlens.result.JOB.KEY          what came of it
//	GOPHERLENS_DEAD       gopherlens.dead.JOB.KEY            what failed three times, and why
//	                      gopherlens.begun.JOB.KEY           how often it was begun, from twice on
//	gopherlens-parcels    bodies that are too large for a message, removed when they were read
//	gopherlens-models     models' files by their SHA-256
//
// Whichever is missing is made, with three replicas where the cluster has so many servers. One that
// is there is taken as it is, limits included.
//
// # Tasks
//
// A task is data: a model by its name and the SHA-256 of its weights, the sites, and the rows of
// tokens of a shard; or a sweep, and the rows of its next batches. It names an operation that
// workers have ("harvest", "sweep"), and no token or program travels with it. Its key is the
// SHA-256 of its content, so a result that comes twice changes nothing.
//
// A task is delivered at least once. A worker that is at work says so to the server; when it has
// not for [AckWait], because it was killed or suspended, another one gets the task. One that has
// failed three times goes to the stream of the dead, and ends the job with an error that names it.
// The caller checks each result, has what is cut off, damaged or another task's computed again,
// and gives the last tasks out twice when they take much longer than the others.
package fleet
