"""The test IVR: 20 greetings, what each takes of the digits, and where a caller ends up.

`audio` and `menu` are pure; `phone_line` lets the product's rules call a menu in simulated time,
`server` answers real calls with SIP and RTP.
"""
