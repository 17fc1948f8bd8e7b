package fleet

import (
	"net/url"
	"slices"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/devices"
)

// An Option says where a fleet's queue is, how it is reached, or how long somebody waits.
type Option func(*settings)

type settings struct {
	url          string
	credentials  string
	ca, crt, key string // of TLS
	folder       string
	backend      string
	share        bool
	progress     func(Progress)
	wait         time.Duration // for a worker to be heard

	ackWait time.Duration
	slots   int
	devices hooked.Devices

	given []string
	err   error
}

// What is chosen where no option says otherwise.
const (
	defaultWait    = time.Minute
	defaultAckWait = 30 * time.Second
	defaultSlots   = 2 // one is computed while what came of another is sent
)

// of reads options for somebody who takes those that are named.
func (s *settings) of(options []Option, takes map[string]bool, who string) {
	s.wait, s.ackWait, s.slots = defaultWait, defaultAckWait, defaultSlots
	for _, o := range options {
		if o == nil {
			s.refuse("an option is nil: leave it out")
			continue
		}
		o(s)
	}
	for i, name := range s.given {
		if !takes[name] {
			s.refuse("%s does not take %s: it would do nothing there", who, name)
		}
		if slices.Contains(s.given[:i], name) {
			s.refuse("%s was given twice, and only one can be followed", name)
		}
		if s.url == "" && ofOthers[name] {
			s.refuse("%s would do nothing without NATS: there is no other machine", name)
		}
	}
	if s.url != "" && s.folder != "" {
		s.refuse("Folder would do nothing beside NATS: the queue lies where its servers are")
	}
}

func (s *settings) refuse(format string, args ...any) {
	if s.err == nil {
		s.err = brief.Errorf("fleet: "+format, args...)
	}
}

func option(name string, set func(*settings)) Option {
	return func(s *settings) {
		s.given = append(s.given, name)
		set(s)
	}
}

// text is an option that is a text, which an empty one says nothing of.
func text(name, what, value string, field func(s *settings) *string) Option {
	return option(name, func(s *settings) {
		*field(s) = value
		if value == "" {
			s.refuse("%s needs %s", name, what)
		}
	})
}

// NATS is where the queue is: nats://HOST:PORT, tls:// or ws://, several separated by commas.
// Without it the queue is in this process.
func NATS(address string) Option {
	return text("NATS", "an address, such as nats://queue:4222", address, func(s *settings) *string { return &s.url })
}

// Credentials are a file of NATS credentials (a user's token and key, as nsc writes it). It never
// leaves this machine.
func Credentials(file string) Option {
	return text("Credentials", "a file", file, func(s *settings) *string { return &s.credentials })
}

// RootCA is a PEM file of the authority that signed the servers' certificates, where that is not
// one that the machine knows.
func RootCA(file string) Option {
	return text("RootCA", "a file", file, func(s *settings) *string { return &s.ca })
}

// Certificate is this client's certificate and its key, PEM files, where the servers ask for one.
func Certificate(file, key string) Option {
	return option("Certificate", func(s *settings) {
		s.crt, s.key = file, key
		if file == "" || key == "" {
			s.refuse("Certificate needs two files, the certificate and its key")
		}
	})
}

// Folder is where the queue inside this process keeps its streams; a folder in the user's cache
// unless given. What is in it is removed when the next one begins.
func Folder(path string) Option {
	return text("Folder", "a path", path, func(s *settings) *string { return &s.folder })
}

// Backend is what the workers compute with, where that is not what the model here does: one that
// `gopherlens worker` names when it begins, such as "xla:pjrt_c_api_cuda_plugin.so".
func Backend(kind string) Option {
	return text("Backend", "the kind of backend that a worker names when it begins", kind, func(s *settings) *string { return &s.backend })
}

// ShareFiles puts the model's files into the queue's object store, for workers that have no access
// to the hub. Those of a model from a local folder are always put there, as its name means nothing
// to other machines.
func ShareFiles() Option { return option("ShareFiles", func(s *settings) { s.share = true }) }

// Wait is how long a job waits while no worker is heard; a minute unless given.
func Wait(d time.Duration) Option {
	return option("Wait", func(s *settings) {
		s.wait = d
		if d <= 0 {
			s.refuse("Wait(%v): want some time", d)
		}
	})
}

// OnProgress calls f a few times a second while a job is under way.
func OnProgress(f func(Progress)) Option {
	return option("OnProgress", func(s *settings) {
		s.progress = f
		if f == nil {
			s.refuse("OnProgress needs a function")
		}
	})
}

// AckWait is after which silence of a worker another one gets its task, 30 s unless given. It is a
// setting of the queue: the worker that comes last decides.
func AckWait(d time.Duration) Option {
	return option("AckWait", func(s *settings) {
		s.ackWait = d
		if d < time.Second {
			s.refuse("AckWait(%v): want at least a second", d)
		}
	})
}

// Slots is how many tasks a worker has at a time, 2 unless given: one is computed, the others are
// received and sent.
func Slots(n int) Option {
	return option("Slots", func(s *settings) {
		s.slots = n
		if n < 1 || n > 64 {
			s.refuse("Slots(%d): want 1 to 64", n)
		}
	})
}

// Devices is over which devices of its machine a worker spreads each model, as
// [hooked.LoadOptions] says it: by batch to be faster, by weights for one that no device can hold.
func Devices(d hooked.Devices) Option {
	return option("Devices", func(s *settings) {
		s.devices = d
		if d.Batch < 0 || d.Weights < 0 || d.Batch <= 1 && d.Weights <= 1 {
			s.refuse("Devices(Batch: %d, Weights: %d): want at least 2 of one of them; without the option one device computes", d.Batch, d.Weights)
		}
	})
}

// fits refuses more devices than a worker's backend has, before it takes a task that it would fail.
func (s *settings) fits(be compute.Backend) error {
	if s.devices == (hooked.Devices{}) {
		return nil
	}
	if _, err := devices.New(be, devices.Grid{Batch: max(1, s.devices.Batch), Weights: max(1, s.devices.Weights)}); err != nil {
		return brief.Errorf("fleet: Devices: %w", err)
	}
	return nil
}

// Which options mean something to whom, and which only where there are other machines.
var (
	callerTakes = map[string]bool{"NATS": true, "Credentials": true, "RootCA": true, "Certificate": true, "Folder": true, "Backend": true,
		"ShareFiles": true, "Wait": true, "OnProgress": true}
	ofOthers    = map[string]bool{"Credentials": true, "RootCA": true, "Certificate": true, "Backend": true, "ShareFiles": true}
	workerTakes = map[string]bool{"NATS": true, "Credentials": true, "RootCA": true, "Certificate": true, "AckWait": true, "Slots": true, "Devices": true}
)

// shown is an address for a message: without a password.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address given"
	}
	return u.Redacted()
}
