package scenario

// Back is a link's properties in the direction from its second end to its first. What it does not say is as in the
// other direction.
type Back struct {
	// Delay is the one-way propagation delay.
	Delay *Duration `yaml:"delay,omitempty" json:"delay,omitempty" min:"0s" max:"1m"`
	// Rate of this direction.
	Rate Rate `yaml:"rate,omitempty" json:"rate,omitempty" min:"1kbit" max:"100gbit"`
	// Queue is the most packets that wait for the rate.
	Queue int `yaml:"queue,omitempty" json:"queue,omitempty" min:"1" max:"1000000"`
	// QueueBytes is the same in bytes of Ethernet frames.
	QueueBytes Size `yaml:"queue-bytes,omitempty" json:"queue-bytes,omitempty" min:"64B" max:"1GB"`
	// Discipline is that of the queue in front of the rate.
	Discipline *Discipline `yaml:"discipline,omitempty" json:"discipline,omitempty"`
}

// Direction returns the link as it is for packets from one of its ends, 0 or 1: without back.
func (l *Link) Direction(from int) Link {
	d := *l
	d.Back = nil
	b := l.Back
	if from == 0 || b == nil {
		return d
	}
	if b.Delay != nil {
		d.Delay = *b.Delay
	}
	if b.Rate > 0 {
		d.Rate = b.Rate
	}
	if b.Queue > 0 {
		d.Queue = b.Queue
	}
	if b.QueueBytes > 0 {
		d.QueueBytes = b.QueueBytes
	}
	if b.Discipline != nil {
		d.Discipline = b.Discipline
	}
	return d
}

// back checks what a link states for its second direction.
func (v *validation) back(path string, l *Link) {
	b := l.Back
	if b == nil {
		return
	}
	there := l.Direction(1)
	if *b == (Back{}) {
		v.fail(path+".back", "back says nothing", "keys of back: delay, rate, queue, queue-bytes, discipline")
		return
	}
	if there.Queue > 0 && b.Queue > 0 && there.Rate == 0 && there.Delay == 0 {
		v.fail(path+".back.queue", "a queue without a rate or a delay: no packet would wait in it", "add the key rate")
		return
	}
	v.bottleneck(path+".back", &there)
}
