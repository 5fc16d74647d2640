/** The viewer that `dev` invites. */
export const SAMPLE_VIEWER = 'viewer'

/** The ACL file of a new directory: the tutorial's two devices with the least that they need, and a viewer. */
export const SAMPLE_ACL = `# Who may do what, in the format of Mosquitto's acl_file (https://mosquitto.org/man/mosquitto-conf-5.html).
# It is read again as soon as it is saved; "wott-gateway acl lint" finds mistakes and "wott-gateway acl explain" says
# which line decides. What no line allows is denied. A comment has a line of its own and begins with "#".

# A user is a device's WoTT ID, as "wott-gateway whoami" prints it, or a viewer's name.
# The lines below it, up to the next user, are its own.

user sensor.d.wott.local
topic write wott/temperature

user subscriber.d.wott.local
topic read wott/temperature

# Somebody with a browser, invited by "wott-gateway viewer invite viewer"; "npm start" does it by itself.
user ${SAMPLE_VIEWER}
topic read wott/#

# Both ways on one topic:
#user kitchen.d.wott.local
#topic readwrite wott/temperature

# "+" stands for one level and "#" for everything below, here for another viewer:
#user alice
#topic read +/temperature

# "deny" wins over whatever else is allowed to the same user (Mosquitto 2 knows it, 1.6 does not):
#topic deny wott/secret/#

# For every user at once, where %u is the WoTT ID: each device has a place of its own to write to.
#pattern write devices/%u/#
`
