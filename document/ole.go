package document

func (r *reader) readOLE(content []byte) { r.note(Unknown) }
