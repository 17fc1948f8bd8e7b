package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"gopherlens/hooked"
	"gopherlens/hooked/fleet"
	"gopherlens/internal/progress"
)

// queueFlags say where a queue is and how it is reached.
type queueFlags struct {
	nats, credentials, ca, cert, key string
}

// register adds the flags to a command.
func (f *queueFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.nats, "nats", "", "the `URL` of the queue, a NATS server with JetStream: nats://HOST:PORT, several separated by commas")
	flags.StringVar(&f.credentials, "credentials", "", "a `FILE` of NATS credentials")
	flags.StringVar(&f.ca, "ca", "", "a PEM `FILE` of the authority that signed the server's certificate")
	flags.StringVar(&f.cert, "cert", "", "a PEM `FILE` of this machine's certificate, with --key")
	flags.StringVar(&f.key, "key", "", "a PEM `FILE` of the key of --cert")
}

// options are the fleet's, of what was given.
func (f *queueFlags) options() ([]fleet.Option, error) {
	if (f.cert == "") != (f.key == "") {
		return nil, misused("--cert and --key belong together")
	}
	var options []fleet.Option
	for _, o := range []struct {
		given  string
		option fleet.Option
	}{{f.nats, fleet.NATS(f.nats)}, {f.credentials, fleet.Credentials(f.credentials)}, {f.ca, fleet.RootCA(f.ca)}, {f.cert, fleet.Certificate(f.cert, f.key)}} {
		if o.given != "" {
			options = append(options, o.option)
		}
	}
	return options, nil
}

func newWorkerCommand() *cobra.Command {
	var f queueFlags
	var quiet bool
	var slots int
	var on hooked.Devices
	var ackWait time.Duration
	c := &cobra.Command{
		Use:   "worker",
		Short: "Compute tasks of harvests and sweeps for others, from a queue",
		Long: `Compute tasks of harvests and sweeps for others, from a queue (NATS JetStream). It computes with
this machine's backend until it is interrupted; what is under way then goes back to the queue.`,
		Example: `  gopherlens worker --nats nats://queue:4222
  gopherlens worker --nats tls://queue:4222 --credentials lab.creds --ca lab.pem
  gopherlens worker --nats nats://queue:4222 --batch-devices 8`,
		Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.nats == "" {
				return misused("--nats URL is missing")
			}
			options, err := f.options()
			if err != nil {
				return err
			}
			if c.Flags().Changed("slots") {
				options = append(options, fleet.Slots(slots))
			}
			if c.Flags().Changed("ack-wait") {
				options = append(options, fleet.AckWait(ackWait))
			}
			if on != (hooked.Devices{}) {
				options = append(options, fleet.Devices(on))
			}
			status := progress.New(os.Stderr)
			return fleet.Work(c.Context(), func(e fleet.Event) { tellEvent(status, e, quiet) }, options...)
		},
	}
	f.register(c)
	c.Flags().IntVar(&slots, "slots", 2, "tasks at a time: one is computed, the others are received and sent")
	c.Flags().DurationVar(&ackWait, "ack-wait", 30*time.Second, "after which silence another worker gets a task; the worker that came last decides")
	c.Flags().IntVar(&on.Batch, "batch-devices", 0, "spread each model's batches over so many of the machine's devices")
	c.Flags().IntVar(&on.Weights, "weights-devices", 0, "spread each model's weights over so many, for one that no device can hold")
	c.Flags().BoolVar(&quiet, "quiet", false, "tell of tasks that failed alone")
	return c
}

// tellEvent prints what a worker has done.
func tellEvent(status *progress.Status, e fleet.Event, quiet bool) {
	switch {
	case e.Err != nil:
		status.Printf("%s %s: %v\n", e.What, e.Task, e.Err)
	case quiet:
	case e.Task == "":
		status.Printf("%s\n", e.What)
	default:
		status.Printf("%s %s, %v\n", e.What, e.Task, e.Elapsed.Round(time.Millisecond))
	}
}
