package cluster

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ruleout/ruleout/harness/base/problem"
	"github.com/ruleout/ruleout/harness/verdict/cluster/wire"
)

// parcels are the kernels and images that were put into the object store.
type parcels struct {
	mutex   sync.Mutex
	objects jetstream.ObjectStore
	packed  map[wire.Want]string // names of objects
}

// store returns the object store, and makes it if it is not there: it is seldom needed.
func (c *Coordinator) store(ctx context.Context) (jetstream.ObjectStore, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.bucket(ctx)
}

func (c *Coordinator) bucket(ctx context.Context) (jetstream.ObjectStore, error) {
	if c.objects != nil {
		if _, err := c.objects.Status(ctx); err == nil {
			return c.objects, nil
		}
	}
	o, err := c.js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: c.session.Bucket(),
		Description: "kernels and images of " + c.Name, Storage: jetstream.FileStorage})
	if err != nil {
		return nil, queue(err)
	}
	c.objects, c.packed = o, map[wire.Want]string{}
	return o, nil
}

// uploading is how long a parcel may take.
const uploading = 10 * time.Minute

// parcel puts what a worker lacks into the object store.
func (c *Coordinator) parcel(m *nats.Msg) any {
	var want wire.Want
	if err := wire.Unpack(m.Data, &want); err != nil {
		return wire.Parcel{Trouble: wire.TroubleOf(err)}
	}
	c.beside(func() { // the next question need not wait
		object, err := c.put(want)
		respond(m, wire.Parcel{Object: object, Trouble: wire.TroubleOf(err)})
	})
	return nil
}

func (c *Coordinator) put(want wire.Want) (name string, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	ctx, cancel := context.WithTimeout(c.ctx, uploading)
	defer cancel()
	objects, err := c.bucket(ctx)
	if err != nil {
		return "", err
	}
	if name := c.packed[want]; name != "" {
		if _, err := objects.GetInfo(ctx, name); err == nil {
			return name, nil
		}
	}
	if c.Parcel == nil {
		return "", problem.Wrap(problem.Machine, fmt.Errorf("the worker lacks %s %.19s", want.Kind, want.Hash), "")
	}
	file, remove, err := c.Parcel(want.Kind, want.Hash)
	if err != nil {
		return "", err
	}
	defer remove()
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	name = want.Kind + "-" + strings.TrimPrefix(want.Hash, "sha256:")
	if _, err = objects.Put(ctx, jetstream.ObjectMeta{Name: name}, f); err != nil {
		return "", queue(err)
	}
	c.packed[want] = name
	return name, nil
}
