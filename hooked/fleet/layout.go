package fleet

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/internal/brief"
)

// Names in the queue.
const (
	tasksStream   = "GOPHERLENS_TASKS"
	resultsStream = "GOPHERLENS_RESULTS"
	deadStream    = "GOPHERLENS_DEAD"
	parcelsBucket = "gopherlens-parcels"
	modelsBucket  = "gopherlens-models"

	taskPrefix   = "gopherlens.task"
	resultPrefix = "gopherlens.result"
	deadPrefix   = "gopherlens.dead"
	begunPrefix  = "gopherlens.begun" // in the stream of the dead: how often a task was begun
	beatSubject  = "gopherlens.beat"
	callSubject  = "gopherlens.call"   // asks workers to be heard
	endedSubject = "gopherlens.ended." // and a job, which workers may give up
)

// kept is how long what nobody has fetched is kept.
const kept = 7 * 24 * time.Hour

// enabled is how long a server may take to say that it has JetStream.
const enabled = 3 * time.Second

// ensure opens streams and buckets, and makes those that are missing.
func (c *conn) ensure(ctx context.Context) error {
	err := again(ctx, enabled, func(ctx context.Context) error {
		_, err := c.js.AccountInfo(ctx)
		return err
	})
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		return denied(err)
	}
	for _, s := range []struct {
		into   *jetstream.Stream
		config jetstream.StreamConfig
	}{
		{&c.tasks, jetstream.StreamConfig{Name: tasksStream, Subjects: []string{taskPrefix + ".>"}, Retention: jetstream.WorkQueuePolicy,
			Discard: jetstream.DiscardNew, MaxAge: kept, Description: "what Gopherlens is to compute"}},
		{&c.results, jetstream.StreamConfig{Name: resultsStream, Subjects: []string{resultPrefix + ".>"}, MaxMsgsPerSubject: 1,
			Discard: jetstream.DiscardNew, MaxAge: kept, AllowDirect: true, Description: "what Gopherlens has computed"}},
		{&c.dead, jetstream.StreamConfig{Name: deadStream, Subjects: []string{deadPrefix + ".>", begunPrefix + ".>"}, MaxMsgsPerSubject: 1,
			MaxAge: kept, Description: "tasks of Gopherlens that failed"}},
	} {
		err := replicated(ctx, func(ctx context.Context, replicas int) (err error) {
			if *s.into, err = c.js.Stream(ctx, s.config.Name); !errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
			s.config.Replicas = replicas
			*s.into, err = c.js.CreateStream(ctx, s.config)
			if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody else was faster
				*s.into, err = c.js.Stream(ctx, s.config.Name)
			}
			return err
		})
		if err != nil {
			return brief.Errorf("the stream %s: %w", s.config.Name, denied(err))
		}
	}
	for _, b := range []struct {
		into   *jetstream.ObjectStore
		config jetstream.ObjectStoreConfig
	}{
		{&c.parcels, jetstream.ObjectStoreConfig{Bucket: parcelsBucket, TTL: kept, Description: "tasks and results of Gopherlens"}},
		{&c.models, jetstream.ObjectStoreConfig{Bucket: modelsBucket, Description: "files of models, by their SHA-256"}},
	} {
		err := replicated(ctx, func(ctx context.Context, replicas int) (err error) {
			if *b.into, err = c.js.ObjectStore(ctx, b.config.Bucket); !errors.Is(err, jetstream.ErrBucketNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
				return err
			}
			b.config.Replicas = replicas
			*b.into, err = c.js.CreateObjectStore(ctx, b.config)
			if errors.Is(err, jetstream.ErrBucketExists) || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
				*b.into, err = c.js.ObjectStore(ctx, b.config.Bucket)
			}
			return err
		})
		if err != nil {
			return brief.Errorf("the bucket %s: %w", b.config.Bucket, denied(err))
		}
	}
	return nil
}

// replicated makes something with three replicas, or with one where there are not so many servers.
func replicated(ctx context.Context, make func(ctx context.Context, replicas int) error) error {
	err := again(ctx, patience, func(ctx context.Context) error {
		err := make(ctx, 3)
		if few(err) {
			err = make(ctx, 1)
		}
		return err
	})
	return err
}

// few tells that a cluster has fewer servers than there are to be replicas.
func few(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == errNotClustered || api.ErrorCode == errNoPeers && strings.Contains(api.Description, "no suitable peers")
}

// Codes of JetStream's that the client has no names for (nats-server, server/errors.json).
const (
	errNoPeers        jetstream.ErrorCode = 10005
	errResources      jetstream.ErrorCode = 10023 // insufficient resources
	errStorage        jetstream.ErrorCode = 10047 // insufficient storage resources available
	errStreamFull     jetstream.ErrorCode = 10077 // maximum messages, or bytes, exceeded; or the disk's own error
	errNotClustered   jetstream.ErrorCode = 10074 // replicas > 1 not supported in non-clustered mode
	errAccountFull    jetstream.ErrorCode = 10002 // resource limits exceeded for account
	errMemoryExceeded jetstream.ErrorCode = 10028
)

// full tells that a stream, its account or the server's disk has no room.
func full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode {
	case errResources, errStorage, errStreamFull, errAccountFull, errMemoryExceeded:
		return true
	}
	return false
}

// denied says what to do about what the queue refused.
func denied(err error) error {
	switch {
	case err == nil:
		return nil
	case full(err):
		return brief.Errorf("it has no room: %w; have its limits or its disk made larger, or remove what is left there", err)
	case errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return brief.Errorf("%w; start the server with JetStream (nats-server -js), or give this user an account that has it", err)
	}
	return err
}
