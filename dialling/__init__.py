"""Extension dialling: commands from Kafka become calls of FreeSWITCH, with digits keyed in time."""
