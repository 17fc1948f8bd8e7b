package plots

import (
	"encoding/gob"
	"fmt"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// This file is the only one that knows GoNB.

// The kernel's end of the pipe knows these types; gob wants the sender to name
// them too, or it refuses a chart's specification.
func init() {
	gob.Register(map[string]any{})
	gob.Register([]any{})
	gob.Register([]string{})
}

// Show displays the figure below the notebook's cell. A figure that carries an
// error shows that, since a cell rarely looks at what Show returns. Outside a
// GoNB notebook nothing is displayed.
func (f Figure) Show() error { return f.showAs("") }

// showAs displays the figure in the place with this id, in a new place if it is empty.
func (f Figure) showAs(id string) error {
	bundle, err := f.Bundle()
	if err != nil {
		bundle = errorBundle(err)
	}
	if !gonbui.IsNotebook {
		return err
	}
	send(bundle, id)
	if err == nil {
		err = gonbui.Error()
	}
	return err
}

// send hands the bundle to the kernel and waits until it has it: a cell's
// process that ends earlier takes its last output with it.
func send(bundle map[string]any, id string) {
	data := &protocol.DisplayData{Data: map[protocol.MIMEType]any{}, DisplayID: id}
	for mime, content := range bundle {
		data.Data[protocol.MIMEType(mime)] = content
	}
	gonbui.SendData(data)
	gonbui.Sync()
}

// newPlace is the id of a place that no figure has been shown in.
func newPlace() string { return "gopherlens-" + gonbui.UniqueId() }

// errorBundle is what a figure that cannot be drawn looks like.
func errorBundle(err error) map[string]any {
	message := visible(err.Error())
	return map[string]any{
		mimePlain: message,
		mimeHTML: fmt.Sprintf(`<div role="alert" style="border-left:4px solid #b2182b;padding:4px 10px">%s</div>`,
			escape(message)),
	}
}
