// Command service is a small web service, for scenarios/real/service.yaml: it counts its visitors.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	var visits atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /visit", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"visit": visits.Add(1), "query": r.URL.RawQuery})
	})
	server := &http.Server{Addr: ":" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Print("listening on ", server.Addr)
	log.Fatal(server.ListenAndServe())
}
