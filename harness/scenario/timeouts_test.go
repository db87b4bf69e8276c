package scenario

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The list of timeouts has each key once, in order, with the value of its own.
func TestAllTimeoutsAreListed(t *testing.T) {
	var c ConntrackTimeouts
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		fields.Field(i).SetInt(int64(i + 1))
	}
	list := c.All()
	require.Len(t, list, fields.NumField())
	for i := range list {
		key, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("yaml"), ",")
		require.Equal(t, key, list[i].Key)
		require.EqualValues(t, i+1, list[i].For, key)
		require.NotEmpty(t, list[i].sysctls)
	}
	require.Empty(t, (*ConntrackTimeouts)(nil).All())
}
