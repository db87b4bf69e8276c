// Package wire is what the coordinator of a sweep and its workers say to each other, by way of a NATS server.
//
// # Concept
//
// A coordinator has a session, with an id of its own. Its leases wait in a stream of JetStream, from which workers
// pull. All else is a question with an answer, core NATS:
//
//	ruleout.hello              a worker looks for work ([Hello]); each coordinator answers ([Welcome])
//	ruleout.ID.join            a worker takes part ([Hello], [Welcome])
//	ruleout.ID.work            the stream of leases ([Lease])
//	ruleout.ID.begin           a worker has got a lease ([Begin]); the answer is what is left of it ([Left])
//	ruleout.ID.outcome         a run was made, or broke ([Outcome]); the answer says how to go on ([Answer])
//	ruleout.ID.parcel          a worker lacks a kernel or an image ([Want]); the answer names an object ([Parcel])
//	ruleout.ID.beat            a worker is alive ([Beat]); the answer says whether it is known ([Answer])
//	ruleout.ID.check.WORKER    a run that this worker is to make, too ([Lease]); no answer
//	ruleout.ID.over            the session is over; no answer
//
// # Trust
//
// Nothing in a message is believed because of its form: sizes are bounded ([MostMessage], and [result.CheckSize] for
// records), names have letters of a short list, and a record is decoded and its digest computed again before it counts.
//
// # Traps
//
//   - [Number] belongs to the shape of all that is here. Raise it when that changes.
//   - The queue promises nothing that is needed for the truth. What it loses is asked for again.
package wire
