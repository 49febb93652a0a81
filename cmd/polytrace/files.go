package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
)

// dirOf is the directory that a file is in.
func dirOf(file string) string { return filepath.Dir(file) }

// fileSize is 0 when nobody can tell.
func fileSize(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func newReader(raw []byte) io.Reader { return bytes.NewReader(raw) }

// outcomeOf reads what became of an imported message.
func outcomeOf(resp *http.Response) (string, error) {
	defer resp.Body.Close()
	var answer struct{ Outcome string }
	err := json.NewDecoder(resp.Body).Decode(&answer)
	return answer.Outcome, err
}
