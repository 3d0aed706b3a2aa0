import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Peer: Kafka Streams, in-memory store with changelog, Jackson. The job of peers/fold.py. */
public final class PresenceJob {
    public record Address(String ip, int port) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Event(
            String id, String node, String boot, long seq, String at, String kind, String aor,
            String contact, String call_id, Long cseq, String expires_at, String transport,
            Address remote, String registrar, String user_agent) {}

    public record Binding(
            String node, String contact, String transport, Address remote, String registrar,
            String user_agent, String since) {}

    public record State(
            long seq, boolean online, int version, String event, String boot, String call_id,
            Long cseq, String expires_at, String at, Binding binding) {}

    public record Presence(
            String aor, int version, String status, boolean reachable, String cause, String at,
            List<Binding> bindings, List<Object> calls, List<String> evidence) {}

    static final class Follow implements Processor<String, Event, String, Presence> {
        private ProcessorContext<String, Presence> context;
        private KeyValueStore<String, State> latest;

        @Override
        public void init(ProcessorContext<String, Presence> given) {
            context = given;
            latest = given.getStateStore("latest");
        }

        @Override
        public void process(Record<String, Event> record) {
            Event event = record.value();
            State old = latest.get(record.key());
            if (old != null && event.seq() <= old.seq()) {
                return;
            }
            boolean online = !event.kind().equals("unregistered");
            boolean changed = online != (old != null && old.online());
            int version = (old == null ? 0 : old.version()) + (changed ? 1 : 0);
            Binding binding = online ? binding(event, old) : null;
            latest.put(record.key(), new State(
                    event.seq(), online, version, event.id(), event.boot(), event.call_id(),
                    event.cseq(), event.expires_at(), event.at(), binding));
            if (changed) {
                context.forward(record.withValue(new Presence(
                        event.aor(), version, online ? "online" : "offline", online,
                        online ? "registered" : "unregistered", event.at(),
                        online ? List.of(binding) : List.of(), List.of(), List.of(event.id()))));
            }
        }

        private static Binding binding(Event event, State old) {
            boolean known = old != null && old.binding() != null;
            return new Binding(
                    event.node(), event.contact(), event.transport(), event.remote(),
                    event.registrar(), event.user_agent(),
                    known ? old.binding().since() : event.at());
        }
    }

    static <T> Serde<T> json(ObjectMapper mapper, Class<T> type) {
        ObjectReader reader = mapper.readerFor(type);
        ObjectWriter writer = mapper.writerFor(type);
        Serializer<T> serializer = (topic, value) -> {
            try {
                return value == null ? null : writer.writeValueAsBytes(value);
            } catch (JsonProcessingException error) {
                throw new IllegalStateException(error);
            }
        };
        Deserializer<T> deserializer = (topic, bytes) -> {
            try {
                return bytes == null ? null : reader.readValue(bytes);
            } catch (IOException error) {
                throw new IllegalStateException(error);
            }
        };
        return Serdes.serdeFrom(serializer, deserializer);
    }

    static Topology topology(String input, String output, boolean cached) {
        ObjectMapper mapper = new ObjectMapper();
        Serde<Event> events = json(mapper, Event.class);
        Serde<State> states = json(mapper, State.class);
        Serde<Presence> presences = json(mapper, Presence.class);
        var store = Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore("latest"), Serdes.String(), states);
        return new Topology()
                .addSource("registrations", Serdes.String().deserializer(),
                        events.deserializer(), input)
                .addProcessor("follow", Follow::new, "registrations")
                .addStateStore(cached ? store.withCachingEnabled() : store.withCachingDisabled(),
                        "follow")
                .addSink("presence", output, Serdes.String().serializer(),
                        presences.serializer(), "follow");
    }

    public static void main(String[] arguments) throws InterruptedException {
        var given = System.getenv();
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("BENCHMARK_GROUP"));
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("KAFKA_BOOTSTRAP_SERVERS"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, given.get("BENCHMARK_FOLDER"));
        // Everything else as given: -Dkafka.NAME=VALUE, -Dcached=true|false.
        System.getProperties().forEach((name, value) -> {
            if (name.toString().startsWith("kafka.")) {
                config.put(name.toString().substring("kafka.".length()), value);
            }
        });
        boolean cached = Boolean.getBoolean("cached");
        var streams = new KafkaStreams(topology(
                given.get("BENCHMARK_INPUT"), given.get("BENCHMARK_OUTPUT"), cached), config);
        var stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            stopped.countDown();
        }));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler
                    .StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        stopped.await();
    }
}
