// sarif-validate holds a SARIF document on standard input against the standard's JSON Schema.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
)

func main() {
	if err := validate(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The library validates what it has read, so that a property it does not know must be refused while reading.
func validate(input io.Reader) error {
	content, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&sarif.Report{}); err != nil {
		return err
	}
	report, err := sarif.FromBytes(content)
	if err != nil {
		return err
	}
	for _, run := range report.Runs {
		// It writes these out where nobody said them, and then finds them empty: the standard's own defaults.
		run.Language, run.NewlineSequences = "en-US", []string{"\r\n", "\n"}
		run.Tool.Driver.Language = "en-US"
	}
	return report.Validate()
}
