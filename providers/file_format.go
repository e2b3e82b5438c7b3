package providers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A fileHeader is the first line of a file, in JSON. The data follow as they are.
type fileHeader struct {
	Format  int     `json:"postern"` // fileFormat
	Name    string  `json:"name"`    // a file moved to another's place is noticed
	Version Version `json:"version"`
	Sum     string  `json:"sha256"` // of the data
}

const (
	fileFormat = 1
	maxHeader  = 8 << 10 // octets; a name of 1000 may be six times as long in JSON
)

func encodeFile(name string, v Version, data string) string {
	// A struct of strings and numbers can be encoded.
	header, _ := json.Marshal(fileHeader{fileFormat, name, v, sumOf(data)})
	return string(header) + "\n" + data
}

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// read returns the record of that name.
func (s *FileStore) read(root *os.Root, name string) (data string, v Version, err error) {
	file := fileOf(name) + recordSuffix
	f, err := s.openFile(root, file, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", ErrNotFound
	}
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHeader+maxStored+1))
	if err != nil {
		return "", "", fmt.Errorf("providers: %w", err)
	}
	header, data, ok := strings.Cut(string(text), "\n")
	var h fileHeader
	// The decoder's error would quote the file.
	if !ok || json.Unmarshal([]byte(header), &h) != nil || h.Format != fileFormat || h.Version == "" ||
		h.Name != name || h.Sum != sumOf(data) {
		return "", "", refused(filepath.Join(s.dir, file), "is damaged or not a record of that name", "remove it and sign in again")
	}
	return data, h.Version, nil
}
