package main

import (
	"bufio"
	"encoding/base64"
	"io"
	"strings"
)

// field is one `key=BASE64` line.
type field struct{ key, value string }

type request struct {
	verb   string
	values map[string]string
}

// readRequest reads a verb, fields and the closing line; false means that it was cut off.
func readRequest(in io.Reader) (request, bool) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	if !lines.Scan() {
		return request{}, false
	}
	r := request{verb: lines.Text(), values: map[string]string{}}
	for lines.Scan() {
		key, text, found := strings.Cut(lines.Text(), "=")
		if !found {
			return r, key == "end"
		}
		value, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return r, false
		}
		r.values[key] = string(value)
	}
	return r, false
}

func encode(fields []field) []byte {
	var text strings.Builder
	for _, f := range fields {
		text.WriteString(f.key + "=" + base64.StdEncoding.EncodeToString([]byte(f.value)) + "\n")
	}
	return []byte(text.String() + "end\n")
}
