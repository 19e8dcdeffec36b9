// A registry on one address of this machine: go-containerregistry's, with what OCI 1.1 demands of the referrers API.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sort"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

const index = "application/vnd.oci.image.index.v1+json"

// What pkg/registry 0.20.7 does otherwise than the specification says: it reports a referrer's config.mediaType as its
// artifactType, drops annotations, ignores the filter, answers 404 for a repository that it does not know, and sends no
// OCI-Subject.
func mended(next http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
		kind := ""
		if len(parts) >= 4 {
			kind = parts[len(parts)-2]
		}
		switch {
		case request.Method == http.MethodPut && kind == "manifests":
			body, err := io.ReadAll(request.Body)
			if err != nil {
				http.Error(answer, err.Error(), http.StatusBadRequest)
				return
			}
			request.Body = io.NopCloser(bytes.NewReader(body))
			var manifest struct {
				Subject *struct {
					Digest string `json:"digest"`
				} `json:"subject"`
			}
			if json.Unmarshal(body, &manifest) == nil && manifest.Subject != nil {
				answer.Header().Set("OCI-Subject", manifest.Subject.Digest)
			}
			next.ServeHTTP(answer, request)
		case request.Method == http.MethodGet && kind == "referrers":
			referrers(next, parts, answer, request)
		default:
			next.ServeHTTP(answer, request)
		}
	})
}

func referrers(next http.Handler, parts []string, answer http.ResponseWriter, request *http.Request) {
	listed := httptest.NewRecorder()
	next.ServeHTTP(listed, request)
	if listed.Code != http.StatusOK && listed.Code != http.StatusNotFound {
		answer.WriteHeader(listed.Code)
		answer.Write(listed.Body.Bytes())
		return
	}
	var found struct {
		Manifests []map[string]any `json:"manifests"`
	}
	if listed.Code == http.StatusOK {
		if err := json.Unmarshal(listed.Body.Bytes(), &found); err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	wanted := request.URL.Query().Get("artifactType")
	kept := []map[string]any{}
	for _, descriptor := range found.Manifests {
		path := "/" + strings.Join(parts[:len(parts)-2], "/") + "/manifests/" + descriptor["digest"].(string)
		read := httptest.NewRecorder()
		next.ServeHTTP(read, httptest.NewRequest(http.MethodGet, path, nil))
		var manifest struct {
			ArtifactType string            `json:"artifactType"`
			Annotations  map[string]string `json:"annotations"`
		}
		if err := json.Unmarshal(read.Body.Bytes(), &manifest); err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
			return
		}
		if manifest.ArtifactType != "" {
			descriptor["artifactType"] = manifest.ArtifactType
		}
		if len(manifest.Annotations) > 0 {
			descriptor["annotations"] = manifest.Annotations
		}
		if wanted == "" || descriptor["artifactType"] == wanted {
			kept = append(kept, descriptor)
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i]["digest"].(string) < kept[j]["digest"].(string) })
	if wanted != "" {
		answer.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	answer.Header().Set("Content-Type", index)
	json.NewEncoder(answer).Encode(map[string]any{"schemaVersion": 2, "mediaType": index, "manifests": kept})
}

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	blobs := flag.String("blobs", "", "the folder of the blobs, which must be there")
	raw := flag.Bool("raw", false, "leave the referrers API as the library has it")
	flag.Parse()
	options := []registry.Option{registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))}
	if *blobs != "" {
		options = append(options, registry.WithBlobHandler(registry.NewDiskBlobHandler(*blobs)))
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("registry http://" + listener.Addr().String())
	handler := registry.New(options...)
	if !*raw {
		handler = mended(handler)
	}
	log.Fatal(http.Serve(listener, handler))
}
