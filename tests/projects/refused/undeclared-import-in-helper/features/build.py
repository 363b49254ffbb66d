from sklearn.preprocessing import StandardScaler

scale = StandardScaler
