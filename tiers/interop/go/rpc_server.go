// A server that does on the wire what RabbitMQ's tutorial 6 does in Go. Ours, not the tutorial's text: see ../README.md.
//
// AMQP_URL and RPC_QUEUE say where; TUTORIAL says which tutorial: `older` declares the queue non-durable, `today` as a
// durable quorum queue.
package main

import (
	"log"
	"os"
	"strconv"

	"github.com/streadway/amqp"
)

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func fib(n int) int {
	low, high := 0, 1
	for ; n > 0; n-- {
		low, high = high, low+high
	}
	return low
}

func declare(channel *amqp.Channel, name, tutorial string) (amqp.Queue, error) {
	const autoDelete, exclusive, noWait = false, false, false
	if tutorial == "older" {
		return channel.QueueDeclare(name, false, autoDelete, exclusive, noWait, nil)
	}
	return channel.QueueDeclare(name, true, autoDelete, exclusive, noWait, amqp.Table{"x-queue-type": "quorum"})
}

func answer(channel *amqp.Channel, request amqp.Delivery) {
	n, err := strconv.Atoi(string(request.Body))
	must(err)
	log.Printf(" [.] fib(%d)", n)
	reply := amqp.Publishing{
		ContentType:   "text/plain",
		CorrelationId: request.CorrelationId,
		Body:          []byte(strconv.Itoa(fib(n))),
	}
	must(channel.Publish("", request.ReplyTo, false, false, reply))
	must(request.Ack(false))
}

func main() {
	connection, err := amqp.Dial(os.Getenv("AMQP_URL"))
	must(err)
	defer connection.Close()
	channel, err := connection.Channel()
	must(err)
	queue, err := declare(channel, os.Getenv("RPC_QUEUE"), os.Getenv("TUTORIAL"))
	must(err)
	must(channel.Qos(1, 0, false))
	requests, err := channel.Consume(queue.Name, "", false, false, false, false, nil)
	must(err)
	log.Print(" [*] Awaiting RPC requests")
	for request := range requests {
		answer(channel, request)
	}
}
