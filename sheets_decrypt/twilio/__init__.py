"""The sending half: the two Twilio functions, the Studio flow, and their export for a job."""
