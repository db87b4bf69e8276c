package vm

// Files are those of a QEMU whose hashes are in the key.
func (q QEMU) Files(m Machine) ([]string, error) { return q.files(m) }

// WithoutSandbox is a QEMU as if it had been built without seccomp.
func (q QEMU) WithoutSandbox() QEMU {
	p := *q.Parts
	p.Sandbox = false
	q.Parts = &p
	return q
}

// Load opens the template's files again, as another process would.
func (t *Template) Load() (*Template, error) { return loadTemplate(t.config, t.key, t.dir) }

// Disguise has this process believe that the files are as they were made, as if a disk had changed them.
func (t *Template) Disguise() { t.trust() }

// Path is that of the template's directory.
func (t *Template) Path() string { return t.dir }
