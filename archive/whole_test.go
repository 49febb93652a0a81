package archive

import (
	"bytes"
	"testing"
)

// Records that are whole in an open pack are all read, whatever lies behind
// them and whichever byte of another one changed.
func FuzzWholeRecordsStay(f *testing.F) {
	d, _, bodies := filled(f, false)
	whole := bytes.TrimRight(d.content(openTar), "\x00")
	whole = appendPadding(whole, int64(len(whole)))
	length := len(whole) / len(bodies) // They differ in digits only.
	if len(whole)%len(bodies) != 0 || !bytes.HasPrefix(whole[length:], []byte(metaName(1))) {
		f.Fatalf("records are not equally long in %d bytes", len(whole))
	}
	id := d.content(identityName)
	f.Add([]byte{}, uint(0), byte(0))
	f.Add(whole[:700], uint(length+3), byte(1))
	f.Add(whole[length:], uint(2*length+130), byte(0x40))
	f.Add(make([]byte, 4096), uint(4*length+600), byte(0xff))
	f.Fuzz(func(t *testing.T, tail []byte, at uint, change byte) {
		raw := append(bytes.Clone(whole), tail...)
		hurt := len(bodies)
		if at %= uint(len(whole)); change != 0 {
			raw[at] ^= change
			hurt = int(at) / length
		}
		d := newMemDisk()
		for name, content := range map[string][]byte{identityName: id, openTar: raw} {
			d.names[name] = &inode{data: bytes.Clone(content), durable: bytes.Clone(content), dirty: map[int]bool{}}
		}
		a := mustOpen(t, d, testConfig(newMemStore()))
		for i, body := range bodies {
			if i != hurt {
				checkBody(t, a, Address{Mail, Position(i)}, body)
			}
		}
		mustClose(t, a)
	})
}
