package conformance

import (
	"encoding/json"
	"fmt"
	"io"
)

// WriteBadge writes how a target has done with its core cases as a small JSON object
// from which services make a picture: the endpoint format of shields.io. Of several
// reports, it is about the first.
func WriteBadge(w io.Writer, reports ...*Report) error {
	reports, err := byID(reports)
	if err != nil {
		return err
	}
	r := reports[0]
	label := string(r.Profile)
	if label == "" {
		label = r.Kind
	}
	passed, all := 0, 0
	for o, n := range r.Core.Counts {
		if all += n; o == Pass || o == Warn || o == Info {
			passed += n
		}
	}
	color := map[Standing]string{Success: "brightgreen", PartialSuccess: "yellowgreen", Failure: "red"}[r.Core.Standing]
	if color == "" {
		color = "lightgrey"
	}
	return json.NewEncoder(w).Encode(struct {
		SchemaVersion int    `json:"schemaVersion"`
		Label         string `json:"label"`
		Message       string `json:"message"`
		Color         string `json:"color"`
	}{1, printable(label) + " core", fmt.Sprintf("%d/%d", passed, all), color})
}
